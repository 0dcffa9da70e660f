"""What Marian's files say, but for the tensors: settings, vocabularies and shortlists."""
