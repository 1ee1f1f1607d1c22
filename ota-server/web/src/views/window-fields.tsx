import { type MaintenanceWindow, WEEKDAYS } from '@nodeos/contracts/rollout.ts';
import { DAY_NAMES, windowText } from '../groups.ts';

const NIGHT: MaintenanceWindow = { days: [], from: '02:00', to: '04:00' };

/** When devices may be updated; null: at any time. */
export function WindowFields({
  window,
  onChange,
}: {
  window: MaintenanceWindow | null;
  onChange: (window: MaintenanceWindow | null) => void;
}) {
  return (
    <div class="part">
      <label class="check">
        <input
          type="checkbox"
          checked={window !== null}
          onChange={(event) => onChange(event.currentTarget.checked ? NIGHT : null)}
        />{' '}
        Update these devices in a maintenance window only
      </label>
      {window !== null && (
        <div class="window">
          <fieldset class="weekdays">
            <legend>On these days; none for every day</legend>
            {WEEKDAYS.map((day) => (
              <label key={day}>
                <input
                  type="checkbox"
                  checked={window.days.includes(day)}
                  onChange={({ currentTarget: { checked } }) =>
                    onChange({
                      ...window,
                      days: WEEKDAYS.filter((one) => (one === day ? checked : window.days.includes(one))),
                    })
                  }
                />
                <span>{DAY_NAMES[day]}</span>
              </label>
            ))}
          </fieldset>
          <div class="times">
            <label>
              From{' '}
              <input
                class="field"
                type="time"
                required
                value={window.from}
                onChange={(event) => onChange({ ...window, from: event.currentTarget.value })}
              />
            </label>
            <label>
              To{' '}
              <input
                class="field"
                type="time"
                required
                value={window.to}
                onChange={(event) => onChange({ ...window, to: event.currentTarget.value })}
              />
            </label>
          </div>
          <p class="faint" role="status">
            {window.from !== '' && window.to !== '' && `${windowText(window)}, in the local time of each device`}
          </p>
        </div>
      )}
    </div>
  );
}
