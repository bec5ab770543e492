"""MoRAG's own URLs: its remote-jobs API and its drafted worker endpoints, over our queue."""
