"""`make cluster-test`: a day over two hosts with a network between them, and what goes wrong there."""
