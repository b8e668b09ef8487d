"""The Java KCL beside our server: a DynamoDB, a worker, and what its record processors saw."""
