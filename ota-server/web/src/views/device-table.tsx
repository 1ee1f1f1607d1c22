import type { DeviceOrder } from '@nodeos/contracts/device-list.ts';
import type { RefObject } from 'preact';
import type { Notify } from '../parts/notices.tsx';
import type { DevicePages, RowRange } from '../use-device-pages.ts';
import { DeviceRow } from './device-row.tsx';
import { isSelected, NO_SELECTION, type Selection, toggled } from './device-selection.ts';

const COLUMNS = 5;

interface TableProps {
  readonly body: RefObject<HTMLTableSectionElement>;
  readonly pages: DevicePages;
  readonly range: RowRange & { readonly height: number };
  readonly order: DeviceOrder;
  readonly onOrder: (order: DeviceOrder) => void;
  /** The device whose page is open. */
  readonly selected: string | null;
  /** Null for people who may not act on devices. */
  readonly selection: Selection | null;
  readonly onSelect: (selection: Selection) => void;
  readonly notify: Notify;
}

/** A list of any length, of which only the rows on the screen exist. */
export function DeviceTable(props: TableProps) {
  const { body, pages, range, selected, selection, onSelect, notify } = props;
  const total = pages.total ?? range.to;
  const to = Math.min(range.to, total);
  const from = Math.min(range.from, to);
  const rows = Array.from({ length: to - from }, (_, index) => from + index);
  return (
    <div class="table-frame">
      <table class="devices" aria-rowcount={pages.total === null ? -1 : total + 1} aria-busy={pages.total === null}>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col">
              <span class="device-cell">
                {selection !== null && (
                  <input
                    type="checkbox"
                    aria-label="Select all devices that fit"
                    checked={selection.all}
                    onChange={() => onSelect(selection.all ? NO_SELECTION : { all: true, ids: new Set() })}
                  />
                )}
                <OrderButton by="name" {...props}>
                  Device
                </OrderButton>
              </span>
            </th>
            <th scope="col">
              <OrderButton by="system" {...props}>
                System
              </OrderButton>
            </th>
            <th scope="col">Apps</th>
            <th scope="col">Update</th>
            <th scope="col" class="end">
              <OrderButton by="seen" {...props}>
                Last seen
              </OrderButton>
            </th>
          </tr>
        </thead>
        <tbody ref={body}>
          <Gap rows={from} height={range.height} />
          {rows.map((index) => {
            const device = pages.row(index);
            return device === null ? (
              <tr key={index} class="blank" aria-rowindex={index + 2} aria-label="Loading">
                <td colSpan={COLUMNS} />
              </tr>
            ) : (
              <DeviceRow
                key={device.id}
                index={index}
                device={device}
                selected={device.id === selected}
                marked={selection === null ? null : isSelected(selection, device.id)}
                onMark={() => selection !== null && onSelect(toggled(selection, device.id))}
                markable={selection?.all === false}
                notify={notify}
              />
            );
          })}
          <Gap rows={total - to} height={range.height} />
        </tbody>
      </table>
    </div>
  );
}

/** Stands for rows that are not on the screen. */
function Gap({ rows, height }: { rows: number; height: number }) {
  if (rows <= 0) return null;
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row of a table takes no focus
    <tr class="gap" aria-hidden="true">
      <td colSpan={COLUMNS} style={{ height: `${rows * height}px` }} />
    </tr>
  );
}

type Column = 'name' | 'system' | 'seen';

/** First from the beginning, then from the end, then as the page shows it by itself. */
function OrderButton({
  by,
  order,
  onOrder,
  children,
}: Pick<TableProps, 'order' | 'onOrder'> & { by: Column; children: string }) {
  const backward = `-${by}` as const;
  const next = order === by ? backward : order === backward ? 'attention' : by;
  const [arrow, word] = order === by ? ['↑', 'ascending'] : order === backward ? ['↓', 'descending'] : ['', 'not'];
  return (
    <button
      type="button"
      class="order"
      aria-label={`${children}, ${word} ordered. Change`}
      onClick={() => onOrder(next)}
    >
      {children} <span aria-hidden="true">{arrow}</span>
    </button>
  );
}
