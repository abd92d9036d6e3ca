"""The steps of the tetrahedral mesher; :mod:`meshes.tetrahedralise` runs them in order.

All steps work in grid millimetres (voxel index × voxel size, axes along the grid), so that any voxel size and any
affine give the same shapes.  Kernels are compiled by numba, without ``fastmath`` and without reductions across
threads: the same input and seed give the same bits.
"""
