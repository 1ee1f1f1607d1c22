import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { FleetContext } from './fleets.ts';

/** Numbers of the process, for Prometheus; those of a fleet are counted when they are asked for. */
export class Metrics {
  readonly #process = new Registry();
  readonly #requests = new Histogram({
    name: 'nodeos_http_request_duration_seconds',
    help: 'Time to answer a request',
    labelNames: ['surface', 'method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [this.#process],
  });
  readonly #messages = new Counter({
    name: 'nodeos_mqtt_messages_total',
    help: 'Messages from devices',
    labelNames: ['kind'],
    registers: [this.#process],
  });

  constructor() {
    collectDefaultMetrics({ register: this.#process });
  }

  request(surface: 'operator' | 'device', method: string, route: string, status: number, seconds: number): void {
    this.#requests.observe({ surface, method, route, status }, seconds);
  }

  message(kind: 'presence' | 'logs' | 'repl' | 'malformed'): void {
    this.#messages.inc({ kind });
  }

  /** The text format, version 0.0.4: one fleet, and the process for who may see that. */
  async text(fleet: FleetContext, withProcess: boolean): Promise<string> {
    const registry = new Registry();
    registry.setDefaultLabels({ fleet: fleet.id });
    const devices = new Gauge({
      name: 'nodeos_devices',
      help: 'Devices by state',
      labelNames: ['state'],
      registers: [registry],
    });
    for (const state of ['pending', 'active', 'revoked']) devices.set({ state }, 0);
    const online = new Gauge({
      name: 'nodeos_devices_online',
      help: 'Devices that are connected',
      registers: [registry],
    });
    for (const [state, count] of Object.entries(await fleet.store.countDevices())) devices.set({ state }, count);
    online.set(await fleet.devices.countOnline());
    const deployments = new Gauge({
      name: 'nodeos_deployments',
      help: 'Deployments by state',
      labelNames: ['state'],
      registers: [registry],
    });
    for (const { state } of await fleet.store.rollouts.listDeployments()) deployments.inc({ state });
    const own = await registry.metrics();
    return withProcess ? `${own}\n${await this.#process.metrics()}` : own;
  }

  get contentType(): string {
    return this.#process.contentType;
  }
}
