"""What is fitted: the `Surface` protocol and its implementations."""
