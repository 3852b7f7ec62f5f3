/** What an admin port has, for the 404 answer, the docs and the tests. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly about: string;
  /** Needs the token where the port is not on loopback. */
  readonly guarded: boolean;
}

export const adminRoutes = [
  { method: 'GET', path: '/livez', about: 'Alive: 200 while the event loop turns.', guarded: false },
  {
    method: 'GET',
    path: '/readyz',
    about: 'Ready for requests: 200, or 503 with the reasons.',
    guarded: false,
  },
  {
    method: 'GET',
    path: '/startupz',
    about: 'Loaded: 200 once it has ever been ready, 503 before.',
    guarded: false,
  },
  {
    method: 'GET',
    path: '/metrics',
    about: "Prometheus' text format; JSON with Accept: application/json.",
    guarded: false,
  },
  { method: 'GET', path: '/statusz', about: 'What the process is and does now.', guarded: false },
  {
    method: 'GET',
    path: '/configz',
    about: 'The config, each value with where it came from.',
    guarded: false,
  },
  {
    method: 'GET',
    path: '/logz',
    about: 'The last log lines, oldest first; ?limit= and ?level=.',
    guarded: false,
  },
  {
    method: 'POST',
    path: '/lifecycle/drain',
    about: 'Takes no new requests, lets those that run end.',
    guarded: true,
  },
  { method: 'POST', path: '/lifecycle/undrain', about: 'Takes requests again.', guarded: true },
  {
    method: 'POST',
    path: '/breaker',
    about: 'Holds a breaker open or closed: ?target=worker or worker/shard, &set=open, close or auto.',
    guarded: true,
  },
  { method: 'POST', path: '/reload', about: 'Reads the topology file again.', guarded: true },
] as const satisfies readonly AdminRoute[];
