"""The Click commands, one file each: options in, one call, rendering, exit status."""
