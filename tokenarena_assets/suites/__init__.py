"""What is asked of an endpoint, and how an answer is graded."""

from tokenarena_assets.suites.code_grading import grade_code
from tokenarena_assets.suites.code_task import CodeTask
from tokenarena_assets.suites.grading import Grade, grade_math, grade_text
from tokenarena_assets.suites.sandbox import Sandbox, find_sandbox

__all__ = ["CodeTask", "Grade", "Sandbox", "find_sandbox", "grade_code", "grade_math", "grade_text"]
