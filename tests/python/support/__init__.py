"""What the tests share: a server process, clients of several kinds, polling with a deadline."""
