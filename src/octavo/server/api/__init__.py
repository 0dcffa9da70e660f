"""The APIs of the service, one file or folder each: requests of theirs become jobs, answers become theirs."""
