"""Governance as data that the pipeline obeys: agreements, pseudonyms."""
