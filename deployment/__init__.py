"""Deploys template.yaml to AWS, with its tokens and its page."""
