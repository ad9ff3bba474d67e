"""A page to drop pictures on.

pip install gradio
python examples/gradio_app.py
"""

import gradio as gr

from srlite import SrliteError, enhance_image


def enlarge(picture, strength):
    """Enlarge a PIL image; `strength` is from 0 (faithful) to 1 (sharp)."""
    if picture is None:
        raise gr.Error("Choose a picture first.")
    try:
        return enhance_image(picture, strength=strength)
    except SrliteError as error:
        raise gr.Error(str(error)) from error


app = gr.Interface(
    enlarge,
    [gr.Image(type="pil", image_mode=None), gr.Slider(0, 1, 1, label="Strength")],
    gr.Image(format="png"),
    title="srlite",
)

if __name__ == "__main__":
    app.launch()
