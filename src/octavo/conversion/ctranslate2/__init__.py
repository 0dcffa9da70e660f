"""Model directories of CTranslate2: their settings, variables, vocabularies and text files."""
