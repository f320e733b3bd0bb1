"""The entries of the catalogue, a subject each."""
