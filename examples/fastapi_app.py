"""A service that enlarges pictures.

pip install "fastapi[standard]"
fastapi run examples/fastapi_app.py
curl -F file=@photo.jpg http://127.0.0.1:8000/enlarge --output photo_x4.png
"""

import io

from fastapi import FastAPI, HTTPException, Response, UploadFile
from PIL import Image

from srlite import SrliteError, enhance_image

app = FastAPI(title="srlite")


@app.post("/enlarge")
def enlarge(file: UploadFile, strength: float = 1.0) -> Response:
    """Enlarge a picture and return a PNG."""
    try:
        # Not all that Pillow opens: some kinds run other programs on the file.
        picture = Image.open(file.file, formats=["JPEG", "PNG", "TIFF", "WEBP"])
        sr = enhance_image(picture, strength=strength)
    except SrliteError as error:
        raise HTTPException(422, str(error)) from error
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise HTTPException(422, "this is not a picture that can be read") from error
    png = io.BytesIO()
    Image.fromarray(sr).save(png, "png")
    return Response(png.getvalue(), media_type="image/png")
