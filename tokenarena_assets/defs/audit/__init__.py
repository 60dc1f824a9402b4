"""Audit: does an endpoint bill what its text holds, and what do its failures cost?"""
