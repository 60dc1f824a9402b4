"""Change points: has what is sold under one name changed, and when?"""
