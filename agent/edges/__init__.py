"""The floor that touches sockets, disks, processes and clocks. It decides nothing."""
