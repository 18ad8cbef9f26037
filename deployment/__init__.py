"""Deploys template.yaml to AWS."""
