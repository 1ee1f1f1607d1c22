import { useState } from 'preact/hooks';
import { api } from './api.ts';
import { revisionOf, useFleet } from './fleet.ts';
import { Notices, NoticesPlace, useNotices } from './parts/notices.tsx';
import { useRoute } from './route.ts';
import { AuditPage } from './views/audit.tsx';
import { DeploymentsPage } from './views/deployments.tsx';
import { DevicePanel } from './views/device-panel.tsx';
import { DevicesPage } from './views/devices.tsx';
import { GroupsPage } from './views/groups.tsx';
import { Login } from './views/login.tsx';
import { OverviewPage } from './views/overview.tsx';
import { PeoplePage } from './views/people.tsx';
import { ProvisioningPage } from './views/provisioning.tsx';
import { ReleasesPage } from './views/releases.tsx';
import { TopBar } from './views/top-bar.tsx';

export function App() {
  const [session, setSession] = useState(0);
  const [state, reload] = useFleet(session);
  const route = useRoute();
  const [list, notify, dismiss] = useNotices();
  const [panels, setPanels] = useState(0);

  if (state.phase === 'loading')
    return (
      <p class="boot" role="status">
        Loading the fleet…
      </p>
    );
  if (state.phase === 'signed-out') return <Login onDone={() => setSession((n) => n + 1)} />;
  if (state.phase === 'failed')
    return (
      <main class="boot" role="alert">
        <h1>{state.error.message}</h1>
        <p>{state.error.hint}</p>
        <button type="button" class="button" onClick={reload}>
          Try again
        </button>
      </main>
    );

  const { fleet } = state;
  const selected = route.page === 'devices' ? route.device : null;
  const signOut = (): void => {
    api.logout().then(() => setSession((n) => n + 1), notify.error);
  };
  const chooseFleet = (id: string): void => {
    api.chooseFleet(id).then(() => setSession((n) => n + 1), notify.error);
  };
  const notices = <Notices notices={list} onDismiss={dismiss} />;
  const onPanel = (open: boolean): void => setPanels((count) => count + (open ? 1 : -1));
  return (
    <NoticesPlace.Provider value={{ notices, onPanel }}>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <TopBar fleet={fleet} page={route.page} onSignOut={signOut} onFleet={chooseFleet} />
      <main id="content" tabIndex={-1}>
        {route.page === 'overview' && <OverviewPage fleet={fleet} />}
        {route.page === 'devices' && (
          <DevicesPage key={fleet.me.fleet} fleet={fleet} selected={selected} preset={route.preset} notify={notify} />
        )}
        {route.page === 'releases' && <ReleasesPage fleet={fleet} selected={route.release} />}
        {route.page === 'deployments' && (
          <DeploymentsPage
            key={fleet.me.fleet}
            fleet={fleet}
            selected={route.deployment}
            begin={route.begin}
            notify={notify}
          />
        )}
        {route.page === 'groups' && (
          <GroupsPage key={fleet.me.fleet} fleet={fleet} selected={route.group} notify={notify} />
        )}
        {route.page === 'provisioning' && <ProvisioningPage key={fleet.me.fleet} fleet={fleet} notify={notify} />}
        {route.page === 'people' && <PeoplePage key={fleet.me.fleet} me={fleet.me} notify={notify} />}
        {route.page === 'audit' && <AuditPage key={fleet.me.fleet} notify={notify} />}
      </main>
      {selected !== null && (
        <DevicePanel
          key={selected}
          id={selected}
          revision={revisionOf(fleet, selected)}
          deployments={fleet.deployments}
          me={fleet.me}
          notify={notify}
        />
      )}
      {panels === 0 && notices}
    </NoticesPlace.Provider>
  );
}
