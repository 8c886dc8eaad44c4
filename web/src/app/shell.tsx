/** The bar, the page, and what is said below all of it. */

import type { ComponentType, RefObject } from "preact";
import { useEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import { AlarmsView } from "./alarms-view.tsx";
import { Verify } from "./pages/verify.tsx";
import { address, type PageName, pages, useRoute } from "./routes.ts";
import { Session } from "./session.ts";
import { type Trusting, useTrust } from "./verify/trust-panel.tsx";
import { said } from "./words.ts";

const names: Readonly<Record<PageName, string>> = {
  verify: "Verify",
  explore: "Explore",
  audit: "Audit",
  status: "Status",
  about: "About",
};

interface PageProps {
  readonly trust: Trusting;
  readonly query: URLSearchParams;
}

/** The pages about the log that served them; none in the one file, which knows no log. Each is loaded when it is looked at. */
const loaders: Readonly<Partial<Record<PageName, () => Promise<{ default: ComponentType<PageProps> }>>>> = __SINGLE__
  ? {}
  : {
      explore: () => import("./pages/explore.tsx"),
      audit: () => import("./pages/audit.tsx"),
      status: () => import("./pages/status.tsx"),
      about: () => import("./pages/about.tsx"),
    };

export function Shell() {
  const main = useRef<HTMLElement>(null);
  const [, drawAgain] = useReducer((count: number) => count + 1, 0);
  // What was given is still there after a look at another page.
  const session = useMemo(() => new Session(() => drawAgain(0)), []);
  const trust = useTrust();
  const { page, query } = useRoute();
  const load = loaders[page];
  useTitle(page);
  const arrived = useArrival(page, main);
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
          {!__SINGLE__ && <Nav page={page} />}
        </div>
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        <p class="sr" role="status">
          {arrived}
        </p>
        {!__SINGLE__ && <AlarmsView />}
        {load === undefined ? (
          <Verify session={session} trust={trust} />
        ) : (
          <Loaded key={page} load={load} trust={trust} query={query} />
        )}
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

function Nav({ page }: { page: PageName }) {
  return (
    <nav aria-label="Pages">
      {pages.map((one) => (
        <a key={one} href={address(one)} aria-current={one === page ? "page" : undefined}>
          {names[one]}
        </a>
      ))}
    </nav>
  );
}

function Loaded({ load, ...props }: { load: () => Promise<{ default: ComponentType<PageProps> }> } & PageProps) {
  const [Page, setPage] = useState<ComponentType<PageProps>>();
  const [error, setError] = useState<string>();
  useEffect(() => {
    load().then(
      (module) => setPage(() => module.default),
      (thrown: unknown) => setError(said(thrown)),
    );
  }, [load]);
  if (error !== undefined) {
    return (
      <p class="notice bad" role="alert">
        This page could not be loaded: {error}
      </p>
    );
  }
  return Page === undefined ? <p class="quiet">Loading…</p> : <Page {...props} />;
}

/** Whoever looks at many tabs, or hears the page, is told which page it is. */
function useTitle(page: PageName): void {
  const first = useRef(document.title);
  useEffect(() => {
    document.title = page === "verify" ? first.current : `${names[page]} · ${first.current}`;
  }, [page]);
}

/** After a change of page, the focus is on it, so that its links are next and not those of the one before, and it is announced. */
function useArrival(page: PageName, main: RefObject<HTMLElement | null>): string {
  const [arrived, setArrived] = useState("");
  const last = useRef(page);
  useEffect(() => {
    if (page !== last.current) {
      last.current = page;
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
      setArrived(`${names[page]}: this page is shown now`);
    }
  }, [page, main]);
  return arrived;
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
