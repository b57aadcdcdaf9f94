// A network as the page holds it: weights, and operations in their order, which name their inputs.

// Bytes of a base64 text.
function decodeBytes(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

function decodeHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

// Numbers of little-endian bytes, of the type "float16" or "float32".
function decodeNumbers(bytes, type, start, count) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const numbers = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    numbers[i] = type === "float16" ? decodeHalf(view.getUint16(start + 2 * i, true)) : view.getFloat32(start + 4 * i, true);
  }
  return numbers;
}

// Returns a function: an array for each of the network's inputs, to its output, a new Float64Array.
function buildNetwork({ inputs, operations, output, tensors, weights }) {
  const bytes = decodeBytes(weights);
  const shapes = Object.fromEntries(inputs.map(({ name, shape }) => [name, shape]));
  const steps = operations.map((operation) => {
    const numbers = Object.entries(operation.tensors || {}).map(([name, index]) => {
      const { type, start, count } = tensors[index];
      return [name, decodeNumbers(bytes, type, start, count)];
    });
    const known = { ...operation, ...Object.fromEntries(numbers) };
    shapes[operation.name] = operation.shape;
    const compute = LAYERS[operation.layer](known, operation.inputs.map((name) => shapes[name]), operation.shape);
    return { name: operation.name, inputs: operation.inputs, compute };
  });
  return (...given) => {
    const values = Object.fromEntries(inputs.map(({ name }, i) => [name, given[i]]));
    for (const { name, inputs: names, compute } of steps) {
      values[name] = compute(...names.map((input) => values[input]));
    }
    return values[output].slice();
  };
}
