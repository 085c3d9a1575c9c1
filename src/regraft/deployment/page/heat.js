// The heat map on a canvas: values between the cells by cubic interpolation, colours of even steps to the eye.

const STEPS = 256;

// From dark violet over red to light yellow, in OKLCH (Ottosson 2020): lightness rises evenly, as the values do.
function colour(t) {
  const lightness = 0.28 + 0.66 * t;
  const hue = ((300 + 165 * t) % 360) * (Math.PI / 180);
  const chroma = 0.09 + 0.11 * Math.sin(Math.PI * Math.min(1, 0.15 + t));
  const a = chroma * Math.cos(hue);
  const b = chroma * Math.sin(hue);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return linear.map((value) => {
    const bound = Math.min(1, Math.max(0, value));
    return Math.round(255 * (bound <= 0.0031308 ? 12.92 * bound : 1.055 * bound ** (1 / 2.4) - 0.055));
  });
}

const PALETTE = Array.from({ length: STEPS }, (_, step) => colour(step / (STEPS - 1)));

// Catmull and Rom's cubic through the cells' centres; beyond the border, the border's value.
function weights(place) {
  const t = place - Math.floor(place);
  return [
    ((-t + 2) * t - 1) * t * 0.5,
    ((3 * t - 5) * t * t + 2) * 0.5,
    ((-3 * t + 4) * t + 1) * t * 0.5,
    ((t - 1) * t * t) * 0.5,
  ];
}

function resized(values, count, length, stride, lines, lineStride) {
  const result = new Float32Array(length * lines);
  for (let target = 0; target < length; target += 1) {
    const place = ((target + 0.5) * count) / length - 0.5;
    const first = Math.floor(place) - 1;
    const share = weights(place);
    for (let line = 0; line < lines; line += 1) {
      let sum = 0;
      for (let near = 0; near < 4; near += 1) {
        const cell = Math.min(count - 1, Math.max(0, first + near));
        sum += share[near] * values[line * lineStride + cell * stride];
      }
      result[line * length + target] = sum;
    }
  }
  return result;
}

/** Draws what `/page/explain` gave; what speaks against the class stays as clear as what says nothing. */
export function drawHeat(canvas, heat, aspect, strength) {
  const side = 288;
  const width = aspect >= 1 ? side : Math.max(8, Math.round(side * aspect));
  const height = aspect >= 1 ? Math.max(8, Math.round(side / aspect)) : side;
  canvas.width = width;
  canvas.height = height;
  const { rows, columns, values } = heat;
  const wide = resized(values, columns, width, 1, rows, columns); // rows × width
  const tall = resized(wide, rows, height, width, width, 1); // width × height
  const most = values.reduce((one, other) => Math.max(one, other), 0);
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let x = 0; x < width; x += 1) {
    for (let y = 0; y < height; y += 1) {
      const share = most > 0 ? Math.min(1, Math.max(0, tall[x * height + y] / most)) : 0;
      const [red, green, blue] = PALETTE[Math.round(share * (STEPS - 1))];
      const at = 4 * (y * width + x);
      image.data[at] = red;
      image.data[at + 1] = green;
      image.data[at + 2] = blue;
      // Where little is added the picture shows through, only darker, so that the bright parts stand out.
      image.data[at + 3] = 255 * strength * (0.4 + 0.5 * share);
    }
  }
  context.putImageData(image, 0, 0);
}

export function drawLegend(canvas) {
  const context = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; x += 1) {
    context.fillStyle = `rgb(${PALETTE[Math.round((x / (canvas.width - 1)) * (STEPS - 1))].join(" ")})`;
    context.fillRect(x, 0, 1, canvas.height);
  }
}
