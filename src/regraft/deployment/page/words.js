// Numbers as a reader wants them, in the words of the run's report.

const THIN = "\u202f";

/** A share of 1 in percent, to one decimal; what is not all or nothing is never rounded to it. */
export function percent(share, digits = 1) {
  if (share > 0 && share < 0.0005) return `<0.1${THIN}%`;
  if (share >= 0.9995 && share < 1) return `>99.9${THIN}%`;
  return `${(100 * share).toFixed(digits)}${THIN}%`;
}

const whole = (share) => String(Math.round(100 * share));

/** `a`, `a and b`, `a, b and c`. */
export function listing(parts) {
  return parts.length > 1 ? `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}` : parts.join("");
}

export function interval([low, high]) {
  return `${(100 * low).toFixed(1)} to ${percent(high)}`;
}

/** What is known of answers as sure as this one. */
export function calibrationText(calibration, sure) {
  const found = calibration?.bands.find(({ low, high }) => sure >= low && (sure < high || high === 1));
  if (!found) return "The probabilities are as the network gives them; how far to trust them was not measured.";
  const { low, high, answers, right } = found;
  if (!answers) return `No answer on the test images was as unsure as this (below ${whole(high)}${THIN}%).`;
  const range =
    low === 0 && high === 1 ? "" : ` as sure as this (${high === 1 ? `${whole(low)}${THIN}% or more` : low === 0 ? `below ${whole(high)}${THIN}%` : `${whole(low)} to ${whole(high)}${THIN}%`})`;
  return `Of ${answers.toLocaleString("en")} ${answers === 1 ? "answer" : "answers"}${range} on test images, ${right.toLocaleString("en")} ${right === 1 ? "was" : "were"} right: ${percent(right / answers)} (95${THIN}% interval ${interval(found.interval)}).`;
}

/** What a model is, in a few sentences. */
export function aboutText(model) {
  const shown = model.classes.slice(0, 12);
  const more = model.classes.length - shown.length;
  const kinds = listing(more ? [...shown, `${more.toLocaleString("en")} more`] : shown);
  const chance = model.test
    ? ` It was right on ${percent(model.test.accuracy)} of ${model.test.images.toLocaleString("en")} test images it had never seen (95${THIN}% interval ${interval(model.test.interval)}).`
    : "";
  return `This classifier tells ${model.classes.length} classes apart: ${kinds}.${chance} Whatever a picture shows, it gets one of them.`;
}
