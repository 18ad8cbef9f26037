"""The stores of data in AWS: a package for each table, and modules for the bucket, CloudFront and secrets.

PynamoDB models define the schema of each table and make conditional writes. Reads of many rows use boto3's
client directly, because PynamoDB spends CPU time on every attribute of every row.
"""
