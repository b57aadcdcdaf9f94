// The layers that networks are made of. Each maker takes an operation and the sizes of its inputs, and returns a
// function that computes the output. Values are flat Float64Arrays of one example: (C, H, W) or (C,).

const TILE = 4; // rows and columns of a product that are computed together

function product(shape) {
  return shape.reduce((total, side) => total * side, 1);
}

// Rows of a matrix (rows, depth) in groups of TILE, as `multiply` reads them; rows beyond the last are 0.
function packRows(matrix, rows, depth) {
  const groups = Math.ceil(rows / TILE);
  const packed = new Float64Array(groups * depth * TILE);
  for (let row = 0; row < rows; row++) {
    const start = Math.floor(row / TILE) * depth * TILE + (row % TILE);
    for (let k = 0; k < depth; k++) packed[start + k * TILE] = matrix[row * depth + k];
  }
  return packed;
}

// left (rows, depth) times right (depth, columns), both in groups of TILE, to a plain matrix (rows, columns).
function multiply(left, right, rows, depth, columns, output) {
  for (let row = 0; row < rows; row += TILE) {
    const height = Math.min(TILE, rows - row);
    for (let column = 0; column < columns; column += 2) {
      let a0 = 0, a1 = 0, b0 = 0, b1 = 0, c0 = 0, c1 = 0, d0 = 0, d1 = 0;
      let i = row * depth;
      let j = (column - (column % TILE)) * depth + (column % TILE);
      for (let k = 0; k < depth; k++, i += TILE, j += TILE) {
        const x = right[j], y = right[j + 1];
        const a = left[i], b = left[i + 1], c = left[i + 2], d = left[i + 3];
        a0 += a * x; a1 += a * y;
        b0 += b * x; b1 += b * y;
        c0 += c * x; c1 += c * y;
        d0 += d * x; d1 += d * y;
      }
      const at = row * columns + column;
      const isPair = column + 1 < columns;
      output[at] = a0;
      if (isPair) output[at + 1] = a1;
      if (height > 1) { output[at + columns] = b0; if (isPair) output[at + columns + 1] = b1; }
      if (height > 2) { output[at + 2 * columns] = c0; if (isPair) output[at + 2 * columns + 1] = c1; }
      if (height > 3) { output[at + 3 * columns] = d0; if (isPair) output[at + 3 * columns + 1] = d1; }
    }
  }
}

function addBias(output, bias, size) {
  if (!bias) return;
  for (let i = 0; i < output.length; i++) output[i] += bias[Math.floor(i / size)];
}

function linear({ weight, bias }, [[inputs]], [outputs]) {
  const output = new Float64Array(outputs);
  return (x) => {
    for (let row = 0, i = 0; row < outputs; row++) {
      let sum = bias ? bias[row] : 0;
      for (let k = 0; k < inputs; k++, i++) sum += weight[i] * x[k];
      output[row] = sum;
    }
    return output;
  };
}

function convolution({ weight, bias, kernel, stride, padding }, [[channels, height, width]], [features, rows, columns]) {
  const [kernelHeight, kernelWidth] = kernel;
  const depth = channels * kernelHeight * kernelWidth;
  const size = rows * columns;
  const packed = packRows(weight, features, depth);
  const patches = new Float64Array(Math.ceil(size / TILE) * TILE * depth);
  const output = new Float64Array(features * size);
  return (x) => {
    for (let place = 0; place < size; place++) {
      const top = Math.floor(place / columns) * stride[0] - padding[0];
      const left = (place % columns) * stride[1] - padding[1];
      let to = (place - (place % TILE)) * depth + (place % TILE);
      for (let channel = 0; channel < channels; channel++) {
        for (let i = top; i < top + kernelHeight; i++) {
          const from = (channel * height + i) * width;
          const isInside = i >= 0 && i < height;
          for (let j = left; j < left + kernelWidth; j++, to += TILE) {
            patches[to] = isInside && j >= 0 && j < width ? x[from + j] : 0;
          }
        }
      }
    }
    multiply(packed, patches, features, depth, size, output);
    addBias(output, bias, size);
    return output;
  };
}

// The weight (channels, features, kernel, kernel) comes as (features * kernel * kernel, channels).
function transposedConvolution({ weight, bias, kernel, stride, padding }, [[channels, height, width]], [features, rows, columns]) {
  const [kernelHeight, kernelWidth] = kernel;
  const spread = features * kernelHeight * kernelWidth;
  const size = height * width;
  const packed = packRows(weight, spread, channels);
  const places = new Float64Array(Math.ceil(size / TILE) * TILE * channels);
  const products = new Float64Array(spread * size);
  const output = new Float64Array(features * rows * columns);
  return (x) => {
    for (let channel = 0, from = 0; channel < channels; channel++) {
      for (let place = 0; place < size; place++, from++) {
        places[(place - (place % TILE)) * channels + channel * TILE + (place % TILE)] = x[from];
      }
    }
    multiply(packed, places, spread, channels, size, products);
    output.fill(0);
    for (let feature = 0, from = 0; feature < features; feature++) {
      for (let a = 0; a < kernelHeight; a++) {
        for (let b = 0; b < kernelWidth; b++) {
          for (let i = 0; i < height; i++) {
            const row = i * stride[0] - padding[0] + a;
            const start = (feature * rows + row) * columns + b - padding[1];
            for (let j = 0; j < width; j++, from++) {
              const column = j * stride[1] - padding[1] + b;
              if (row >= 0 && row < rows && column >= 0 && column < columns) output[start + j * stride[1]] += products[from];
            }
          }
        }
      }
    }
    addBias(output, bias, rows * columns);
    return output;
  };
}

// x * scale + shift, one of each for a channel: BatchNorm with its moving statistics.
function scaleAndShift({ scale, shift }, [[channels, ...sides]]) {
  const size = product(sides);
  const output = new Float64Array(channels * size);
  return (x) => {
    for (let channel = 0, i = 0; channel < channels; channel++) {
      for (let place = 0; place < size; place++, i++) output[i] = x[i] * scale[channel] + shift[channel];
    }
    return output;
  };
}

function instanceNorm({ scale, shift, epsilon }, [[channels, ...sides]]) {
  const size = product(sides);
  const output = new Float64Array(channels * size);
  return (x) => {
    for (let channel = 0; channel < channels; channel++) {
      const start = channel * size;
      let mean = 0, variance = 0;
      for (let i = start; i < start + size; i++) mean += x[i] / size;
      for (let i = start; i < start + size; i++) variance += (x[i] - mean) ** 2 / size;
      const factor = (scale ? scale[channel] : 1) / Math.sqrt(variance + epsilon);
      const offset = shift ? shift[channel] : 0;
      for (let i = start; i < start + size; i++) output[i] = (x[i] - mean) * factor + offset;
    }
    return output;
  };
}

function eachValue(compute) {
  return (operation, [shape]) => {
    const output = new Float64Array(product(shape));
    return (x) => {
      for (let i = 0; i < output.length; i++) output[i] = compute(x[i], operation);
      return output;
    };
  };
}

// Two values of one shape, or one that has a single number for each channel of the other, or for all.
function eachPair(compute) {
  return (operation, [first, second], shape) => {
    const length = product(shape);
    const step = [first, second].map((side) => length / product(side));
    const output = new Float64Array(length);
    return (x, y) => {
      for (let i = 0; i < length; i++) output[i] = compute(x[Math.floor(i / step[0])], y[Math.floor(i / step[1])]);
      return output;
    };
  };
}

function concatenate(operation, shapes, shape) {
  const output = new Float64Array(product(shape));
  return (...values) => {
    let at = 0;
    for (const value of values) {
      output.set(value, at);
      at += value.length;
    }
    return output;
  };
}

// A rectangle of each channel: from `start`, of the output's size.
function crop({ start }, [[channels, height, width]], [, rows, columns]) {
  const output = new Float64Array(channels * rows * columns);
  return (x) => {
    for (let channel = 0, to = 0; channel < channels; channel++) {
      for (let i = 0; i < rows; i++) {
        const from = (channel * height + i + start[0]) * width + start[1];
        for (let j = 0; j < columns; j++, to++) output[to] = x[from + j];
      }
    }
    return output;
  };
}

// padding: pixels added before the first row and column; mode: "constant" (0), "reflect" or "replicate".
function pad({ padding, mode }, [[channels, height, width]], [, rows, columns]) {
  const place = (i, side) => {
    if (i >= 0 && i < side) return i;
    if (mode === "constant") return -1;
    if (mode === "replicate") return i < 0 ? 0 : side - 1;
    return i < 0 ? -i : 2 * (side - 1) - i;
  };
  const output = new Float64Array(channels * rows * columns);
  return (x) => {
    for (let channel = 0, to = 0; channel < channels; channel++) {
      for (let i = 0; i < rows; i++) {
        const row = place(i - padding[0], height);
        for (let j = 0; j < columns; j++, to++) {
          const column = place(j - padding[1], width);
          output[to] = row < 0 || column < 0 ? 0 : x[(channel * height + row) * width + column];
        }
      }
    }
    return output;
  };
}

// (C * factor * factor, H, W) to (C, H * factor, W * factor).
function pixelShuffle({ factor }, [[, height, width]], [channels, rows, columns]) {
  const output = new Float64Array(channels * rows * columns);
  return (x) => {
    for (let channel = 0, to = 0; channel < channels; channel++) {
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++, to++) {
          const source = (channel * factor + (i % factor)) * factor + (j % factor);
          output[to] = x[(source * height + Math.floor(i / factor)) * width + Math.floor(j / factor)];
        }
      }
    }
    return output;
  };
}

function enlargeNearest(operation, [[channels, height, width]], [, rows, columns]) {
  const output = new Float64Array(channels * rows * columns);
  return (x) => {
    for (let channel = 0, to = 0; channel < channels; channel++) {
      for (let i = 0; i < rows; i++) {
        const from = (channel * height + Math.floor((i * height) / rows)) * width;
        for (let j = 0; j < columns; j++, to++) output[to] = x[from + Math.floor((j * width) / columns)];
      }
    }
    return output;
  };
}

const LAYERS = {
  linear,
  convolution,
  transposed_convolution: transposedConvolution,
  scale_and_shift: scaleAndShift,
  instance_norm: instanceNorm,
  leaky_relu: eachValue((x, { slope }) => (x < 0 ? slope * x : x)),
  tanh: eachValue((x) => Math.tanh(x)),
  sigmoid: eachValue((x) => 1 / (1 + Math.exp(-x))),
  add: eachPair((x, y) => x + y),
  multiply: eachPair((x, y) => x * y),
  concatenate,
  crop,
  pad,
  pixel_shuffle: pixelShuffle,
  enlarge_nearest: enlargeNearest,
  reshape: () => (x) => x,
  constant: ({ value }) => () => value,
};
