// The box covers a whole picture in black where it could not mask faces and plates in time. A dark scene has noise.

const SAMPLE_PX = 48, DARK = 3;
let canvas = null;

// Whether a video shows nothing but black.
export function isBlack(video) {
  if (!video.videoWidth) return false;
  canvas ||= new OffscreenCanvas(SAMPLE_PX, SAMPLE_PX).getContext("2d", { willReadFrequently: true });
  canvas.imageSmoothingQuality = "high";
  canvas.drawImage(video, 0, 0, SAMPLE_PX, SAMPLE_PX);
  const pixels = canvas.getImageData(0, 0, SAMPLE_PX, SAMPLE_PX).data;
  for (let at = 0; at < pixels.length; at += 4)
    if (pixels[at] > DARK || pixels[at + 1] > DARK || pixels[at + 2] > DARK) return false;
  return true;
}
