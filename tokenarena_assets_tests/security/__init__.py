"""Tests of what keeps keys in and harm out: the audit, the licences, the search for secrets, the threat model."""
