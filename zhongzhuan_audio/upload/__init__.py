"""The upload: anything that can be a recording -> a sized, named, reopenable source -> one request body."""
