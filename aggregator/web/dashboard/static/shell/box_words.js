// What a box says, in the user's language: by the code that goes with it. The box's own text is English; English pages
// show that, and others do where it comes alone.

import { data, has, t } from "./texts.js";

export const boxText = (text, code) => (data.language !== "en" && code && has(`box.${code}`) ? t(`box.${code}`) : text || "");

// Why a live view was closed: the close code names the problem.
export const closedText = (number, reason) => boxText(reason, data.problems[number - data.problems_from] || "");
