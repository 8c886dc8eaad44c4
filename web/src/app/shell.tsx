/** The bar, the page, and what is said below all of it. */

import { useRef } from "preact/hooks";
import { Verify } from "./pages/verify.tsx";

export function Shell() {
  const main = useRef<HTMLElement>(null);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the page
      </button>
      <header class="bar">
        <div class="bar-inner">
          <span class="brand">
            <Mark />
            Counterfoil
          </span>
        </div>
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        <Verify />
      </main>
      <footer>
        <p>
          Everything is verified here, in your browser. Nothing that you give this page leaves it
          {__SINGLE__ ? (
            "."
          ) : (
            <>
              {", but for the leaf hash of a record whose proof you ask this log for. "}
              <a href="verifier.html" download="verifier.html">
                Keep this verifier as one file
              </a>
              , to use without a network.
            </>
          )}
        </p>
      </footer>
    </>
  );
}

/** Two halves of one slip, torn apart. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
      <path d="M2 4h8l-1.5 4L11 12l-2.5 4L10 20H2z" fill="currentColor" />
      <path d="M13.5 4H22v16h-8.5l-1.5-4 2.5-4L12 8z" fill="none" stroke="currentColor" stroke-width="1.5" />
    </svg>
  );
}
