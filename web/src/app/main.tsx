/** The page: a bar, and below it what its address names. */

import { render } from "preact";
import "./style.css";
import { Shell } from "./shell.tsx";

const root = document.getElementById("page");
if (root !== null) {
  // What stands there is for browsers that do not come so far.
  root.textContent = "";
  render(<Shell />, root);
}
