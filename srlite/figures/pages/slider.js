"use strict";
for (const slider of document.querySelectorAll(".slider")) {
  const [left, right, zoom, edge, view, stage, line] =
    [".left", ".right", ".zoom", ".edge", ".view", ".stage", ".line"]
      .map((name) => slider.querySelector(name));
  const images = [...stage.querySelectorAll("img")];
  const draw = () => {
    const at = Number(edge.value);
    images.forEach((image, i) => {
      const isLeft = i === Number(left.value), isRight = i === Number(right.value);
      image.style.visibility = isLeft || isRight ? "visible" : "hidden";
      image.style.clipPath = isLeft && isRight ? "none"
        : isLeft ? `inset(0 ${100 - at}% 0 0)` : `inset(0 0 0 ${at}%)`;
    });
    line.style.left = at + "%";
    const factor = Number(zoom.value), width = Number(stage.dataset.width);
    stage.style.width = factor ? factor * width / devicePixelRatio + "px" : "100%";
    stage.style.touchAction = factor ? "pan-x pan-y" : "pan-y";
    stage.classList.toggle("large", factor > 1);
  };
  const drag = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = stage.getBoundingClientRect();
    edge.value = 100 * (event.clientX - box.left) / box.width;
    draw();
  };
  stage.addEventListener("pointerdown", drag);
  stage.addEventListener("pointermove", drag);
  stage.addEventListener("dragstart", (event) => event.preventDefault());
  for (const control of [left, right, zoom, edge]) {
    control.addEventListener("input", draw);
  }
  zoom.addEventListener("input", () => {
    view.scrollLeft = stage.clientWidth * edge.value / 100 - view.clientWidth / 2;
    view.scrollTop = (stage.clientHeight - view.clientHeight) / 2;
  });
  draw();
}
