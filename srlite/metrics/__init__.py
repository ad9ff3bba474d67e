"""What is measured of an enlarged picture.

- `feature_distances`: distances in feature networks, which see what PSNR does not
- `frechet`: the Frechet inception distance between two sets of pictures
- `niqe`: NIQE: how natural a picture looks, without another one to compare it with
- `psnr_ssim`: PSNR and SSIM as the literature computes them, and errors against LR
"""
