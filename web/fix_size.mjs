// Turns a file that takes pictures of any size into one for a single size, so that no
// trained model and no TensorFlow is needed to make what browsers and GPUs ask for.
//
// The network is made of convolutions: every tensor is as high and wide as the picture, or
// after DEPTH_TO_SPACE a multiple of that, or after a convolution with strides a fraction,
// where the side must be a multiple of the strides. Numbers of fields are those of
// TensorFlow Lite's schema.
import {
  GRAPH_INPUTS,
  GRAPH_TENSORS,
  MODEL_GRAPHS,
  TENSOR_SHAPE,
  TENSOR_SIGNATURE,
  field,
  follow,
  tables,
} from "./site/metadata.js";

const MODEL_CODES = 1;
const CODE_OLD = 0;
const CODE = 3;
const CONV_2D = 3;
const DEPTH_TO_SPACE = 5;
const GRAPH_OPERATORS = 3;
const OPERATOR_CODE = 0;
const OPERATOR_INPUTS = 1;
const OPERATOR_OUTPUTS = 2;
const OPERATOR_OPTIONS = 4;
const BLOCK_SIZE = 0;
const STRIDE = 1; // the same along both axes

// A copy for single pictures of side x side pixels; the bytes themselves where the file
// has one size already.
export function withFixedSize(bytes, side) {
  const view = new DataView(new Uint8Array(bytes).buffer);
  const model = follow(view, 0);
  const [graph] = tables(view, field(view, model, MODEL_GRAPHS));
  const tensors = tables(view, field(view, graph, GRAPH_TENSORS));
  const factors = new Map();
  for (const number of integers(view, field(view, graph, GRAPH_INPUTS)))
    if (isOpen(view, tensors[number])) factors.set(number, 1);
  if (!factors.size) return bytes;
  const codes = tables(view, field(view, model, MODEL_CODES));
  for (const operator of tables(view, field(view, graph, GRAPH_OPERATORS))) {
    const inputs = integers(view, field(view, operator, OPERATOR_INPUTS));
    const known = inputs.map((number) => factors.get(number) ?? 0);
    const factor = Math.max(0, ...known) * growth(view, operator, codes);
    for (const number of integers(view, field(view, operator, OPERATOR_OUTPUTS)))
      if (isOpen(view, tensors[number])) factors.set(number, factor);
  }
  for (const [number, factor] of factors) {
    if (!factor) throw new Error(`tensor ${number} does not come from the picture`);
    if (!Number.isInteger(side * factor))
      throw new Error(`${side} is no multiple of ${1 / factor}, the strides of the model`);
    for (const kind of [TENSOR_SHAPE, TENSOR_SIGNATURE]) {
      const shape = follow(view, field(view, tensors[number], kind));
      view.setInt32(shape + 8, side * factor, true);
      view.setInt32(shape + 12, side * factor, true);
    }
  }
  for (const tensor of tensors) {
    if (!(integers(view, field(view, tensor, TENSOR_SIGNATURE))[0] < 0)) continue;
    for (const kind of [TENSOR_SHAPE, TENSOR_SIGNATURE])
      view.setInt32(follow(view, field(view, tensor, kind)) + 4, 1, true);
  }
  return new Uint8Array(view.buffer);
}

// Whether a tensor is a batch of pictures whose height or width is open.
function isOpen(view, tensor) {
  const shape = integers(view, field(view, tensor, TENSOR_SIGNATURE));
  return shape.length === 4 && (shape[1] < 0 || shape[2] < 0);
}

// By what an operator multiplies height and width.
function growth(view, operator, codes) {
  const at = field(view, operator, OPERATOR_CODE);
  const code = codes[at ? view.getUint32(at, true) : 0];
  const [old, now] = [field(view, code, CODE_OLD), field(view, code, CODE)];
  const kind = Math.max(old ? view.getInt8(old) : 0, now ? view.getInt32(now, true) : 0);
  if (kind !== DEPTH_TO_SPACE && kind !== CONV_2D) return 1;
  const options = follow(view, field(view, operator, OPERATOR_OPTIONS));
  const read = (number) => view.getInt32(field(view, options, number), true);
  return kind === CONV_2D ? 1 / read(STRIDE) : read(BLOCK_SIZE);
}

function integers(view, at) {
  if (!at) return [];
  const start = follow(view, at);
  const count = view.getUint32(start, true);
  return Array.from({ length: count }, (_, i) =>
    view.getInt32(start + 4 + 4 * i, true),
  );
}
