"""Imports the data of the original Convex application into a stack. No Lambda function uses this package."""
