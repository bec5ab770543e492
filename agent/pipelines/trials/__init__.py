"""What `doctor` has a process of its own try: a library that hangs or crashes takes nobody along.

Each module answers with one line of JSON on standard output.
"""
