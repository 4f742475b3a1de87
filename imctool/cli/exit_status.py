"""The exit statuses of the contract."""

NOTHING_WRONG = 0
PROBLEM_FOUND = 1
SOME_NOT_DONE = 1
WRONG_USAGE = 2
NOTHING_READ = 3
SIGNAL = 128
