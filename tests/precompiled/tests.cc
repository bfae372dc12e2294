// tests.h needs an object of its own.
