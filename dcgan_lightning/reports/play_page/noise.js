// Noise vectors by number, the same ones as those of dcgan_lightning.generate: PyTorch's generator of random numbers
// (Mersenne Twister), and its way to normal numbers (Box and Muller, in groups of sixteen).

const BLOCK_ROWS = 256; // vectors of one stream; the next stream has the next seed
const GROUP = 16;

// Returns the first `count` random 32-bit numbers of a seed.
// Matsumoto and Nishimura 1998, https://doi.org/10.1145/272991.272995
function twister(seed, count) {
  const state = new Uint32Array(624);
  state[0] = seed;
  for (let i = 1; i < 624; i++) {
    state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  }
  const numbers = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const place = i % 624;
    const mixed = (state[place] & 0x80000000) | (state[(place + 1) % 624] & 0x7fffffff);
    state[place] = state[(place + 397) % 624] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    let y = state[place];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    numbers[i] = y ^ (y >>> 18);
  }
  return numbers;
}

// Returns the noise vector number `number` (from 0) of a stream: Float64Array(length).
function noiseVector(streamStart, number, length) {
  const row = number % BLOCK_ROWS;
  const seed = (streamStart + Math.floor(number / BLOCK_ROWS)) % 2 ** 32;
  const first = row * length;
  const bits = twister(seed, Math.ceil((first + length) / GROUP) * GROUP);
  const uniform = (i) => (bits[i] & 0xffffff) / 2 ** 24;
  const vector = new Float64Array(length);
  for (let i = 0; i < length; i++) {
    const start = first + i - ((first + i) % GROUP);
    const place = (first + i) % (GROUP / 2);
    const radius = Math.sqrt(-2 * Math.log(1 - uniform(start + place)));
    const angle = 2 * Math.PI * uniform(start + GROUP / 2 + place);
    const isCosine = (first + i) % GROUP < GROUP / 2;
    vector[i] = Math.fround(radius * (isCosine ? Math.cos(angle) : Math.sin(angle)));
  }
  return vector;
}

function combine(first, second, a, b) {
  return first.map((value, i) => a * value + b * second[i]);
}

function dot(first, second) {
  return first.reduce((sum, value, i) => sum + value * second[i], 0);
}

function norm(vector) {
  return Math.sqrt(dot(vector, vector));
}

// A share of the way along the arc from one vector to another; the length changes in proportion.
// White 2016, https://arxiv.org/abs/1609.04468
function slerp(start, end, share) {
  const lengths = [norm(start), norm(end)];
  const cosine = dot(start, end) / (lengths[0] * lengths[1]);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  if (Math.sin(angle) < 1e-6) return combine(start, end, 1 - share, share);
  const length = (1 - share) * lengths[0] + share * lengths[1];
  const [a, b] = [Math.sin((1 - share) * angle), Math.sin(share * angle)];
  return combine(start, end, (length * a) / (Math.sin(angle) * lengths[0]), (length * b) / (Math.sin(angle) * lengths[1]));
}
