{{- define "tunewright.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "tunewright.labels" -}}
app.kubernetes.io/name: tunewright
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "tunewright.selector" -}}
app.kubernetes.io/name: tunewright
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{/* What the operator may do where tenants are. Each verb is used; a test holds this list against the audit log. */}}
{{- define "tunewright.rules" -}}
- apiGroups: [tunewright.dev]
  resources: [finetunejobs, adaptermonitors]
  verbs: [get, list, watch]
- apiGroups: [tunewright.dev]
  resources: [finetunejobs/status, adaptermonitors/status]
  verbs: [patch]
- apiGroups: [tunewright.dev]
  # Needed to set blockOwnerDeletion where the API server checks for it.
  resources: [finetunejobs/finalizers, adaptermonitors/finalizers]
  verbs: [update]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, create, patch]
- apiGroups: [""]
  resources: [events]
  verbs: [list, create]
{{- end }}
