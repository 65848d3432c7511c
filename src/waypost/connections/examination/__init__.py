"""What the check of a connection looks at: one module for each group of its lines.

`questions` asks the console within a budget; the others make lines of what it answered and ask nothing.
"""
