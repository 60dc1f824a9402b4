"""What is asked of an endpoint, and how an answer is graded."""

from tokenarena_assets.suites.grading import Grade, grade_math

__all__ = ["Grade", "grade_math"]
