"""What a notebook shows for a plan, a coil, a montage or a leadfield: facts, a small table, a drawing where it says more.

The frame is :func:`meshes.cards.card`.
"""
