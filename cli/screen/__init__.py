"""The running screen of a desk: pages on a terminal, chosen by keys, or else a line every few seconds.

`controls` has the state of the screen and what a key does to it, without a terminal. `page` lays out the pages, one in
each of the modules `..._page`. `live_screen` draws them and reads the keys; `desk_poller` queries a desk that another
process runs.
"""
