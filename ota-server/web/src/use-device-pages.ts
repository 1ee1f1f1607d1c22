import type { DevicePageRequest } from '@nodeos/contracts/device-list.ts';
import type { DeviceSummary } from '@nodeos/contracts/operator-api.ts';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, api } from './api.ts';

const PAGE = 100;

export type DeviceSearch = Pick<DevicePageRequest, 'state' | 'status' | 'query' | 'search'> &
  Partial<Pick<DevicePageRequest, 'order'>>;
/** Indices of rows; `to` is the one behind the last. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}
export interface DevicePages {
  /** How many fit; null before the first answer. */
  readonly total: number | null;
  /** What is wrong with the search; what was found before stands. */
  readonly error: ApiError | null;
  /** Null while it is on its way. */
  row(index: number): DeviceSummary | null;
}
interface Known {
  readonly key: string;
  readonly total: number;
  readonly pages: ReadonlyMap<number, readonly DeviceSummary[]>;
}

/**
 * Those pages of a list of devices that are on the screen.
 * @param turn grows when devices have changed: the pages are loaded anew, and the others forgotten
 */
export function useDevicePages(search: DeviceSearch, turn: number, { from, to }: RowRange): DevicePages {
  const [known, setKnown] = useState<Known | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const key = JSON.stringify(search);
  // An answer counts unless one to a later question has come: under constant change the newest may never be in time.
  const asked = useRef(0);
  const answered = useRef({ key: '', number: 0 });
  const [first, last] = [Math.floor(from / PAGE), Math.floor(Math.max(from, to - 1) / PAGE)];
  useEffect(() => {
    let gone = false;
    const number = ++asked.current;
    const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    Promise.all(numbers.map((page) => api.devices({ ...search, offset: page * PAGE, limit: PAGE }))).then(
      (answers) => {
        const total = answers[0]?.total ?? 0;
        if (answered.current.key === key ? number < answered.current.number : gone) return;
        answered.current = { key, number };
        setError(null);
        setKnown({ key, total, pages: new Map(numbers.map((page, index) => [page, answers[index]?.devices ?? []])) });
      },
      (cause) => {
        if (!gone) setError(cause instanceof ApiError ? cause : new ApiError('INTERNAL', String(cause), ''));
      },
    );
    return () => {
      gone = true;
    };
  }, [key, turn, first, last]);
  return {
    total: known?.total ?? null,
    error,
    row: (index) => known?.pages.get(Math.floor(index / PAGE))?.[index % PAGE] ?? null,
  };
}
