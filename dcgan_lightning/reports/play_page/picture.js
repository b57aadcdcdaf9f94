// Images on canvases and in files.

// A number in [-1, 1] as a byte, rounded to even at one half as in PyTorch.
function toByte(value) {
  const scaled = Math.min(255, Math.max(0, value * 127.5 + 127.5));
  const below = Math.floor(scaled);
  const rest = scaled - below;
  return rest > 0.5 || (rest === 0.5 && below % 2) ? below + 1 : below;
}

// bytes (C, H, W) with C 1 or 3, into a canvas at a place.
function drawBytes(canvas, bytes, [channels, height, width], left = 0, top = 0) {
  const context = canvas.getContext("2d");
  const data = context.createImageData(width, height);
  const size = height * width;
  for (let i = 0; i < size; i++) {
    for (let channel = 0; channel < 3; channel++) data.data[4 * i + channel] = bytes[channel < channels ? channel * size + i : i];
    data.data[4 * i + 3] = 255;
  }
  context.putImageData(data, left, top);
}

function drawImage(canvas, values, shape, left, top) {
  drawBytes(canvas, Array.from(values, toByte), shape, left, top);
}

function sizeCanvas(canvas, [, height, width], across = 1, down = 1) {
  canvas.width = across * width;
  canvas.height = down * height;
  return canvas;
}

// CRC-32 of a PNG's chunk.
function checksum(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

// The bytes of a PNG with a text in it, which image viewers show as its description.
function withText(png, text) {
  const content = new TextEncoder().encode(`tEXtDescription\0${text.replace(/[^\x20-\x7e]/g, "?")}`);
  const chunk = new Uint8Array(content.length + 8);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, content.length - 4);
  chunk.set(content, 4);
  view.setUint32(content.length + 4, checksum(content));
  const afterHeader = 33; // signature and IHDR
  const joined = new Uint8Array(png.length + chunk.length);
  joined.set(png.subarray(0, afterHeader));
  joined.set(chunk, afterHeader);
  joined.set(png.subarray(afterHeader), afterHeader + chunk.length);
  return joined;
}

// Offers a canvas as a PNG file, each of its pixels a square of `scale` pixels.
async function savePicture(canvas, name, text, scale = 10) {
  const large = document.createElement("canvas");
  large.width = canvas.width * scale;
  large.height = canvas.height * scale;
  const context = large.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, 0, 0, large.width, large.height);
  const blob = await new Promise((resolve) => large.toBlob(resolve));
  const bytes = withText(new Uint8Array(await blob.arrayBuffer()), text);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
