"""Interfaces, tunnels and queues of Linux hosts, made by their own programs (ip, tc, ...) through the port of `hosts`."""
