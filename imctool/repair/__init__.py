"""All that writes mail: plans it, writes it durably, records it. Never decides what is wrong."""
