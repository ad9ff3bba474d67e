// Two canvases over each other, and an edge between them: what is left of it shows the
// picture as the browser enlarges it, what is right of it the model's.

export class Comparison {
  constructor(root) {
    const [stage, range, actualSize] = ["stage", "edge", "actual"].map((id) =>
      root.querySelector(`#${id}`),
    );
    [this.before, this.after] = stage.querySelectorAll("canvas");
    Object.assign(this, { root, stage, range, actualSize });
    range.addEventListener("input", () => this.draw());
    actualSize.addEventListener("click", () => this.zoom());
    for (const kind of ["pointerdown", "pointermove"]) {
      stage.addEventListener(kind, (event) => this.drag(event));
    }
  }

  // Shows a picture whose enlargement is still to be painted.
  begin(pixels, scale) {
    this.before.width = pixels.width;
    this.before.height = pixels.height;
    this.before.getContext("2d").putImageData(pixels, 0, 0);
    this.renew();
    this.after.width = scale * pixels.width;
    this.after.height = scale * pixels.height;
    // Kept in main memory: pixels come from there, and go back there to be saved.
    this.context = this.after.getContext("2d", { willReadFrequently: true });
    this.root.style.setProperty("--width", this.after.width);
    this.root.style.setProperty("--height", this.after.height);
    this.range.value = 0;
    this.stage.classList.add("working");
    this.draw();
    return this.holdsPixels();
  }

  // A canvas that was too large stays without pixels for a while, at any size.
  renew() {
    const canvas = document.createElement("canvas");
    this.after.width = 0; // Its memory is free at once.
    this.after.replaceWith(canvas);
    this.after = canvas;
  }

  // Browsers give a canvas that is too large for them without a word, and without pixels.
  holdsPixels() {
    const corner = [this.after.width - 1, this.after.height - 1, 1, 1];
    this.context?.fillRect(...corner);
    const isThere = this.context?.getImageData(...corner).data[3] === 255;
    this.context?.clearRect(...corner);
    return isThere;
  }

  paint({ levels, row, column, side, scale }) {
    const x = scale * (column.from - column.start);
    const y = scale * (row.from - row.start);
    this.context.putImageData(
      new ImageData(levels, side),
      scale * column.start,
      scale * row.start,
      x,
      y,
      scale * (column.to - column.from),
      scale * (row.to - row.from),
    );
  }

  end() {
    this.stage.classList.remove("working");
    this.range.value = 50;
    this.draw();
  }

  draw() {
    this.root.style.setProperty("--edge", `${this.range.value}%`);
  }

  drag(event) {
    const isHovering = event.type === "pointermove" && !event.buttons;
    if (isHovering || this.stage.classList.contains("working")) return;
    const box = this.stage.getBoundingClientRect();
    this.range.value = (100 * (event.clientX - box.left)) / box.width;
    this.draw();
  }

  zoom() {
    const isOn = this.actualSize.ariaPressed !== "true";
    this.actualSize.ariaPressed = String(isOn);
    this.stage.classList.toggle("actual", isOn);
    this.root.style.setProperty("--pixel", `${1 / devicePixelRatio}px`);
    const view = this.stage.parentElement;
    view.scrollLeft =
      (this.stage.clientWidth * this.range.value) / 100 - view.clientWidth / 2;
    view.scrollTop = (this.stage.clientHeight - view.clientHeight) / 2;
  }

  toPng() {
    return new Promise((resolve, reject) => {
      this.after.toBlob((blob) =>
        blob ? resolve(blob) : reject(new Error("no memory")),
      );
    });
  }
}
