"""The dialect of a MoRAG server as it is, behind the ports of the native one.

It cannot wait for a job to come, grants no lease and takes nothing back. What it lacks is made up
for on our side of the wire: questions at a varying pace, a note on disk about each job before
anything is done about it, and a result that is only sent once it is known not to be there.
"""
