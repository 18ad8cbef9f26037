"""The stores of data in AWS: a package for each table, and modules for the bucket, CloudFront and secrets.

PynamoDB models define the schema of each table and make conditional writes. Reads of many rows use the client
itself, because PynamoDB costs CPU for every attribute.
"""
